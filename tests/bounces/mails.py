"""Write mails as mail servers return them, in the test's own words."""

from __future__ import annotations

from textwrap import dedent


def mail(head: str, body: str) -> bytes:
    """Return a mail with a header and a body, written with indentation."""
    return (dedent(head).strip() + "\n\n" + dedent(body).lstrip("\n")).encode()


def dsn(
    to: str,
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 no such user",
    *,
    action: str = "failed",
    head: str = "Auto-Submitted: auto-replied",
    recipient: str = "reader@a.example",
) -> bytes:
    """Return a delivery status notification (RFC 3464), as Postfix sends it."""
    return mail(
        f"""
        Return-Path: <>
        From: Mail Delivery System <MAILER-DAEMON@mx.a.example>
        To: {to}
        Subject: Undelivered Mail Returned to Sender
        {head}
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=delivery-status; boundary="b"
        """,
        f"""
        --b
        Content-Type: text/plain

        The message could not be delivered, see below.

        --b
        Content-Type: message/delivery-status

        Reporting-MTA: dns; mx.a.example

        Final-Recipient: rfc822; {recipient}
        Action: {action}
        Status: {status}
        Diagnostic-Code: {diagnostic}

        --b
        Content-Type: text/rfc822-headers

        From: editors@news.example
        Subject: Weekly

        --b--
        """,
    )


def complaint(to: str, type_: str = "abuse", *, mail_from: str = "") -> bytes:
    """Return a feedback report (ARF, RFC 5965)."""
    line = f"\n        Original-Mail-From: <{mail_from}>" if mail_from else ""
    return mail(
        f"""
        From: <feedback@provider.example>
        To: {to}
        Subject: FW: Weekly
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=feedback-report; boundary="b"
        """,
        f"""
        --b
        Content-Type: text/plain

        This is an abuse report for a message received from 192.0.2.1.

        --b
        Content-Type: message/feedback-report

        Feedback-Type: {type_}
        User-Agent: Feedback/1.0
        Version: 1{line}

        --b
        Content-Type: message/rfc822

        From: editors@news.example
        Subject: Weekly

        Words.

        --b--
        """,
    )


def vacation(to: str, head: str = "Auto-Submitted: auto-replied", subject: str = "Re: Weekly") -> bytes:
    """Return the automatic reply of an absent person (RFC 3834)."""
    return mail(
        f"""
        Return-Path: <>
        From: Reader <reader@a.example>
        To: {to}
        Subject: {subject}
        In-Reply-To: <weekly@news.example>
        {head}
        """,
        """
        I am away until 5 October. The mailbox 550 is not read, and the user unknown to you replaces me.
        """,
    )


def plain(
    to: str, body: str, sender: str = "MAILER-DAEMON@mx.a.example", subject: str = "failure notice"
) -> bytes:
    """Return a bounce in the words of one mail server, without a report."""
    return mail(f"From: {sender}\nTo: {to}\nSubject: {subject}", body)
