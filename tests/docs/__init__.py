"""Tests of the documentation: examples on its pages, and the site that Sphinx builds."""
