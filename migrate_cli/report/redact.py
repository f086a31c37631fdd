"""Masks personal data and secrets in a text: e-mail addresses, phone and card numbers, keys. Pure.

It goes by form alone, so it masks too much rather than too little; names of people and postal addresses have no form,
and stay. Message texts must pass it before they reach a redacted report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate_cli.secrets import scrub

EMAIL, PHONE, CARD, KEY, CUT = "[e-mail]", "[phone]", "[card]", "[key]", "[cut]"

_KEYS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{30,}|gh[opusr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|xox[abeoprs]-[\w-]{10,}|(?:sk|rk|pk)_(?:live|test)_\w{10,}|hf_[A-Za-z0-9]{20,})",
    re.DOTALL,
)
"""Keys by the marks that their makers gave them, beside those that `scrub` knows."""

_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]++@[\w-]++(?:\.[\w-]++)++")
_CARD_LIKE = re.compile(r"(?<!\d)\d(?:[ \u00a0\u202f-]?\d){12,}(?!\d)")
_PHONE_LIKE = re.compile(r"(?<![\w.-])\+?\(?\d(?:[ \u00a0\u202f()./-]{0,3}\d){6,}(?!\w)")
_CUT_START = re.compile(r"\A…\S*+(?:[ \u00a0][\d()./-]++)*+")
_CUT_END = re.compile(r"(?:[\d()./+-]++[ \u00a0])*+\S*…\Z")
_DIGITS = re.compile(r"\d+")
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-](?:\d{2}|\d{4})")

CARD_LENGTHS = range(13, 20)
"""Digits of a card number (ISO/IEC 7812)."""
SHORTEST_PHONE = 7


def redact(text: str) -> str:
    """Return the text with everything masked that looks like an address, a number or a key."""
    text = scrub(_KEYS.sub(KEY, text))
    if "@" in text:
        text = _EMAIL.sub(EMAIL, text)
    text = _CARD_LIKE.sub(_cards, text)
    return _PHONE_LIKE.sub(_phone, text)


def redact_excerpt(text: str) -> str:
    """Do the same for a piece of a text, which begins and ends with `…` where it was cut.

    Words and numbers at such an edge are masked whole: half an address has no form that could be known.
    """
    return redact(_CUT_END.sub(f"{CUT}…", _CUT_START.sub(f"…{CUT}", text)))


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others, as on every payment card."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _cards(found: re.Match[str]) -> str:
    """Mask each card number in a row of groups of digits; other numbers may be before and after it."""
    text = found[0]
    groups = list(_DIGITS.finditer(text))
    done, at, out = 0, 0, ""
    while at < len(groups):
        end = next((last for last in _ends(groups, at) if _is_card(groups[at : last + 1])), None)
        if end is None:
            at += 1
            continue
        out += text[done : groups[at].start()] + CARD
        done, at = groups[end].end(), end + 1
    return out + text[done:]


def _ends(groups: list[re.Match[str]], first: int) -> Iterator[int]:
    """Yield the groups at which a number that begins at `first` may end, the longest number first."""
    length, ends = 0, []
    for last in range(first, len(groups)):
        length += len(groups[last][0])
        if length >= CARD_LENGTHS.stop:
            break
        if length in CARD_LENGTHS:
            ends.append(last)
    return reversed(ends)


def _is_card(groups: list[re.Match[str]]) -> bool:
    # Networks that issue cards have the first digits 2 to 6; 0, 1 and 7 to 9 are times, accounts and other numbers.
    digits = "".join(group[0] for group in groups)
    return int(digits[0]) in range(2, 7) and passes_luhn(digits)


def _phone(found: re.Match[str]) -> str:
    """Mask a phone number: with a country code, with a leading zero, or in the North American groups of 3, 3 and 4."""
    text = found[0]
    if text.startswith("+"):
        return PHONE
    groups = list(_DIGITS.finditer(text))
    begin = next((group.start() for group in groups if _national(group, text)), None)
    if begin is None and [len(group[0]) for group in groups[-3:]] == [3, 3, 4]:
        begin = groups[-3].start()
    if begin is None:
        return text
    return text[: begin - text[:begin].endswith("(")] + PHONE


def _national(group: re.Match[str], text: str) -> bool:
    """Whether a number with a leading zero begins here, that is long enough and no date."""
    first = group[0]
    if not first.startswith("0") or len(first) == 1 or _DATE.match(text, group.start()):
        return False
    ahead = text[group.start() : group.start() + 4 * SHORTEST_PHONE]
    return sum(character.isdigit() for character in ahead) >= SHORTEST_PHONE
