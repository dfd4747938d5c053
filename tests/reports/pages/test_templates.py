import jinja2
import pytest

from sgram.reports.pages import templates as parts


def test_the_digest_is_the_one_that_browsers_compute():
    # echo -n "" | openssl dgst -sha256 -binary | base64
    assert parts.policy_digest("") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_what_is_put_into_a_template_is_escaped_and_nothing_may_be_missing(monkeypatch):
    monkeypatch.setattr(parts, "read_asset", lambda name: "<p>{{ text|twice }}</p>{{ other }}")
    template = parts.load_template("page.html.jinja", twice=lambda text: text * 2)
    assert template.render(text="<b>", other="&") == "<p>&lt;b&gt;&lt;b&gt;</p>&amp;"
    with pytest.raises(jinja2.UndefinedError):
        template.render(text="a")
