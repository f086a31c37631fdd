"""What the transcription endpoint takes: types and sizes. Pure: rules and names, no I/O.

Source: the official guide to speech to text, and the service's own refusals.
"""

from __future__ import annotations

from pathlib import PurePath

MAX_AUDIO_BYTES = 25_000_000
"""25 MB; larger files are not sent."""
EXTENSIONS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")

_BY_MEDIA_TYPE = {
    "audio/flac": "flac",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "video/mp4": "mp4",
}


def extension_of(filename: str | None) -> str:
    """Return a name's ending in lower case, without the dot."""
    return PurePath(filename or "").suffix.lower().removeprefix(".")


def sent_name(filename: str, media_type: str | None) -> str | None:
    """Return the name to send, since the service tells types by it; None for what it does not transcribe.

    A name without an ending of its own gets that of the content.
    """
    if media_type is not None and media_type not in _BY_MEDIA_TYPE:
        return None
    if extension_of(filename) in EXTENSIONS:
        return filename
    ending = _BY_MEDIA_TYPE.get(media_type or "")
    return f"{filename}.{ending}" if ending and not extension_of(filename) else None


def refusal(filename: str, size: int | None, media_type: str | None) -> str | None:
    """Return why a file is not sent to transcription, as half a sentence; None where it can be."""
    if size == 0:
        return "it is empty"
    if sent_name(filename, media_type) is None:
        seen = media_type if media_type and media_type not in _BY_MEDIA_TYPE else extension_of(filename)
        return f"{seen or 'a file of no known type'} is not transcribed; {', '.join(EXTENSIONS)} are"
    if size is not None and size > MAX_AUDIO_BYTES:
        return f"it has {size:,} bytes, more than the limit of {MAX_AUDIO_BYTES:,}"
    return None
