"""Render the pages of sign-up, confirmation and subscription, without scripts and cookies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aggregator import addresses
from aggregator.digests.account_messages import next_day
from aggregator.i18n import phrases
from aggregator.model.config import Config, DigestPlan
from aggregator.model.subscribers import Subscriber, SubscriberState
from aggregator.ports import Clock
from aggregator.publishing import page_template
from aggregator.web.pages import environment


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUp:
    """What the form is filled with: nothing at first, later what was sent with its problem."""

    address: str = ""
    digests: frozenset[str] = frozenset()
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Render pages in a language; links are relative, so that they fit below any prefix.

    `root` is the relative address of the site.
    """

    config: Config
    clock: Clock
    language: str
    root: str

    def sign_up(self, form: SignUp) -> str:
        """Render the form (SU1); a single digest is ticked."""
        plans = self.config.digests
        ticked = form.digests or ({plans[0].id} if len(plans) == 1 else frozenset())
        return self._render("subscribe", "subscribe.html.j2", form=form, plans=self._plans(), ticked=ticked)

    def sent(self, *paragraphs: str) -> str:
        """Render the response to every request (SU1)."""
        return self.notice("sent", *paragraphs, "sent_wait")

    def notice(self, title: str, *paragraphs: str, again: bool = False) -> str:
        """Render a page that only says something; `again` adds a link to the form."""
        return self._render(title, "notice.html.j2", paragraphs=paragraphs, again=again, link=None)

    def confirmed(self, token: str) -> str:
        """Render what follows a confirmation."""
        link = (f"../subscription/{token}", "to_subscription")
        return self._render(
            "confirmed", "notice.html.j2", paragraphs=("confirmed_why",), again=False, link=link
        )

    def confirm(self) -> str:
        """Render one button and no further choice (SU2)."""
        return self._render("confirm", "button.html.j2", question=None, button="do_confirm")

    def unsubscribe(self, digest: str | None) -> str:
        """Render the button that unsubscribes."""
        words = phrases.subscriber_pages(self.language)
        question = words["leave_one"].format(title=self._title(digest)) if digest else words["leave_all"]
        return self._render("leave", "button.html.j2", question=question, button="do_leave")

    def unsubscribed(self, subscriber: Subscriber, digest: str | None, token: str, undo: str | None) -> str:
        """Render what follows unsubscribing, with undo unless it changed nothing (SU4)."""
        words = phrases.subscriber_pages(self.language)
        running = subscriber.state is not SubscriberState.UNSUBSCRIBED
        remaining = subscriber.digests if running and digest else ()
        rest = [plan.title for plan in self.config.digests if plan.id in remaining]
        said = words["left_one"].format(title=self._title(digest)) if digest and rest else words["left_all"]
        kept = words["left_rest"].format(titles=", ".join(rest)) if rest else None
        return self._render("left", "unsubscribed.html.j2", said=said, kept=kept, token=token, undo=undo)

    def subscription(self, subscriber: Subscriber, said: str | None = None) -> str:
        """Render the page of a subscription; its address is shortened (DP5)."""
        state = phrases.subscriber_pages(self.language)[subscriber.state]
        return self._render(
            "subscription",
            "subscription.html.j2",
            address=addresses.shortened(subscriber.address),
            state=state.format(contact=self.config.site.contact),
            running=subscriber.state in (SubscriberState.ACTIVE, SubscriberState.PAUSED),
            paused=subscriber.state is SubscriberState.PAUSED,
            present=subscriber.state is not SubscriberState.UNSUBSCRIBED,
            plans=self._plans(),
            ticked=frozenset(subscriber.digests),
            said=said,
        )

    def _title(self, digest: str) -> str:
        """Return the title of a digest; its id if it is not in feeds.yaml any more."""
        return next((plan.title for plan in self.config.digests if plan.id == digest), digest)

    def _plans(self) -> Iterable[tuple[DigestPlan, str]]:
        now = self.clock()
        return [(plan, next_day(plan, self.language, now)) for plan in self.config.digests]

    def _render(self, title: str, template: str, **values: object) -> str:
        words = {**phrases.pages(self.language), **phrases.subscriber_pages(self.language)}
        shared = page_template.context(self.config.site, "", self.language, self.root)
        here = {"words": words, "root": self.root}
        return (
            environment()
            .get_template(template)
            .render(**shared | here, title=words[title], languages=phrases.LANGUAGES, **values)
        )
