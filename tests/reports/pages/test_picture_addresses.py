"""Figures as data addresses: shorter, drawn alike, and safe inside an attribute."""

import re

from hypothesis import given
from hypothesis import strategies as st

from sgram.reports.pages.picture_addresses import compact_svg, picture_address


def test_comments_metadata_and_unused_ids_are_left_out_and_used_ids_are_numbered():
    svg = (
        b'<?xml version="1.0"?>\n<svg width="10pt"><!-- a label --><metadata>when</metadata><defs><path id="glyph-1" '
        b'd="M 0 0"/></defs>\n <g id="patch_2" clip-path="url(#clip-9)"><use xlink:href="#glyph-1" x="1.123456"/></g>'
        b'<clipPath id="clip-9"/></svg>'
    )
    assert compact_svg(svg) == (
        b'<svg width="10pt"><defs><path id="i1" d="M0 0"/></defs><g clip-path="url(#i0)">'
        b'<use xlink:href="#i1" x="1.12"/></g><clipPath id="i0"/></svg>'
    )


def test_curves_of_other_kinds_than_lines_keep_their_positions():
    assert compact_svg(b'<path d="M 1.23456 2 \nQ 3 4 5 6 \nz"/>') == b'<path d="M1.23 2Q3 4 5 6z"/>'.replace(
        b"6z", b"6 z"
    )


@given(st.lists(st.tuples(*[st.floats(-2000, 2000, allow_nan=False)] * 2), min_size=1, max_size=30))
def test_a_line_stays_within_a_hundredth_of_a_pixel(points):
    path = " \n".join(f"{'L' if number else 'M'} {x:.6f} {y:.6f}" for number, (x, y) in enumerate(points))
    compact = compact_svg(f'<path d="{path} "/>'.encode()).decode()
    x = y = 0.0
    drawn = []
    for command, numbers in re.findall(r"([Ml])([^Mlz\"]*)", compact):
        step_x, step_y = map(float, re.findall(r"-?(?:\d+\.?\d*|\.\d+)", numbers))
        x, y = (step_x, step_y) if command == "M" else (x + step_x, y + step_y)
        drawn.append((x, y))
    assert len(drawn) == len(points)
    for (x, y), (true_x, true_y) in zip(drawn, points, strict=True):
        assert abs(x - true_x) < 0.011
        assert abs(y - true_y) < 0.011


@given(st.text())
def test_an_address_has_nothing_that_could_end_its_attribute(text):
    address = picture_address(f"<svg>{text}</svg>".encode("utf-8", "replace"))
    assert address.startswith("data:image/svg+xml,%3Csvg")
    assert not set(address) & set('"<>&#\n\t')
