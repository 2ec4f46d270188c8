"""An exemption from a checker says why it is one."""

from __future__ import annotations

import re
import tokenize

from tidy.source import ROOT, report, scripts

EXEMPTION = re.compile(
    r"#\s*(?:ruff:\s*)?noqa(?P<codes>:\s*[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)?|#\s*type:\s*ignore(?P<types>\[[^\]]*\])?"
)


def test_given_every_exemption_when_read_then_it_names_the_rule_and_the_reason() -> None:
    """The reason stands behind it or in the comment of the line above."""
    found = []
    for path in scripts():
        with path.open("rb") as file:
            comments = {
                token.start[0]: token.string for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT
            }
        for line, comment in comments.items():
            match = EXEMPTION.search(comment)
            if match is None or path.name == "test_exemptions.py":
                continue
            place = f"{path.relative_to(ROOT)}:{line}"
            if not (match["codes"] or match["types"]):
                found.append(f"{place}: which rule?")
            rest = (comment[: match.start()] + comment[match.end() :]).strip(" #()")
            above = EXEMPTION.sub("", comments.get(line - 1, "")).strip(" #()")
            if len(rest) < 5 and len(above) < 5:
                found.append(f"{place}: why?")
    assert not found, report("Write: # noqa: CODE (why), or # type: ignore[code]  # why", found)
