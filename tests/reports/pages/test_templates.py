import jinja2
import pytest

from sgram.reports.pages import templates as parts


@pytest.fixture
def assets(monkeypatch):
    """Files in place of those beside the module, by name."""
    files = {}
    monkeypatch.setattr(parts, "read_asset", lambda name: files.get(name, ""))
    parts._environment.cache_clear()
    yield files
    parts._environment.cache_clear()


def test_the_digest_is_the_one_that_browsers_compute():
    # echo -n "" | openssl dgst -sha256 -binary | base64
    assert parts.policy_digest("") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_what_is_put_into_a_template_is_escaped_and_nothing_may_be_missing(assets):
    assets["new.html.jinja"] = "{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}{{ bold(text) }}{{ other }}"
    assert parts.render_page("new", text="<i>\u202e", other="&\0") == b"<b>&lt;i&gt;\\u202e</b>&amp;\\x00"
    with pytest.raises(jinja2.UndefinedError):
        parts.render_page("new", text="a")
    with pytest.raises(jinja2.TemplateNotFound):
        parts.render_page("missing")


def test_the_policy_allows_what_the_page_has(assets):
    assets |= {
        "new.html.jinja": "{{ policy|safe }} {{ style|safe }} {{ script|safe }}",
        "new.css": "b",
        "shared.css": "a",
    }
    digests = {text: f"'sha256-{parts.policy_digest(text)}'" for text in ("ab", "b", "c")}
    start, end = "default-src 'none'; ", "base-uri 'none'; form-action 'none'"
    assert parts.render_page("new").decode() == f"{start}style-src {digests['b']}; {end} b "
    assert parts.render_page("new", shared_styles=["shared"]).decode() == f"{start}style-src {digests['ab']}; {end} ab "
    assets["new.js"] = "c"
    assert parts.render_page("new", with_pictures=True).decode() == (
        f"{start}script-src {digests['c']}; style-src {digests['b']}; img-src data:; {end} b c"
    )
