"""Sorts files by name and media type: what the target accepts as an image, a file, audio, or not at all.

Source of the kinds: the official guides to images, file inputs and transcription.
"""

from __future__ import annotations

from enum import StrEnum


class MediaKind(StrEnum):
    """What a file is to the target."""

    IMAGE = "image"
    DOCUMENT = "document"
    """Something that `input_file` takes: PDF, office documents, spreadsheets, text, source code."""
    AUDIO = "audio"
    REFUSED = "refused"
    """Archives, video, programs, and images of kinds that no model reads."""
    UNKNOWN = "unknown"


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


_IMAGES = _words("png jpg jpeg jpe gif webp")
_AUDIO = _words("flac mp3 m4a mpga ogg oga opus wav aac aiff aif wma amr")
_REFUSED = _words(
    "zip gz tgz bz2 xz 7z rar tar zst jar war whl iso dmg mp4 mpeg mpg webm mov avi mkv wmv m4v exe dll so "
    "dylib bin dat class pyc bmp tif tiff heic heif ico psd ai eps avif ttf otf woff woff2 parquet feather pkl "
    "pickle npy npz h5 hdf5 sqlite db mdb onnx pt safetensors"
)
_DOCUMENTS = _words(
    "pdf doc docx dot odt rtf pages ppt pptx pot ppa pps pwz wiz odp key xls xlsx xla xlb xlc xlm xlt xlw xlsm "
    "ods csv tsv iif txt text log md markdown mkd rst tex srt vtt html htm xml xhtml svg json jsonl ndjson "
    "yaml yml toml ini cfg conf env properties eml ics vcf py pyi ipynb js mjs cjs jsx ts tsx java kt kts c h "
    "cc cpp cxx hpp hh cs go rs rb php pl pm swift scala r jl lua sh bash zsh bat ps1 sql css scss sass less "
    "vue svelte dart ex exs erl hs clj lisp el ml fs vb asm s diff patch graphql proto tf gradle cmake mk "
    "dockerfile makefile art brf cls ltx asc"
)
_MEDIA_DOCUMENTS = _words(
    "application/pdf application/json application/xml application/javascript application/typescript "
    "application/csv application/msword application/rtf application/x-yaml application/yaml application/toml "
    "application/sql application/x-sh application/x-python application/vnd.ms-excel application/vnd.ms-"
    "powerpoint application/graphql application/x-ndjson application/x-httpd-php message/rfc822"
)
_MEDIA_ARCHIVES = _words(
    "application/zip application/gzip application/x-tar application/x-7z-compressed application/vnd.rar"
)
_CONTAINERS = _words("application/zip video/mp4 video/webm video/mpeg")
_MEDIA_IMAGES = _words("image/png image/jpeg image/jpg image/gif image/webp")


def kind_of(filename: str | None, media_type: str | None = None) -> MediaKind:
    """Return the kind of a file; the media type (told from the content) outweighs the name.

    Where the content is only a container (an office document is a zip, a recording may be an mp4), the name decides.
    """
    by_name = _by_name(filename)
    media = (media_type or "").partition(";")[0].strip().lower()
    by_media = _by_media_type(media)
    if media in _CONTAINERS and by_name in {MediaKind.AUDIO, MediaKind.DOCUMENT}:
        return by_name
    return by_media if by_media is not MediaKind.UNKNOWN else by_name


def _by_media_type(media: str) -> MediaKind:
    family = media.partition("/")[0]
    if media in _MEDIA_IMAGES:
        return MediaKind.IMAGE
    if family == "audio":
        return MediaKind.AUDIO
    if media == "image/svg+xml" or family == "text" or media in _MEDIA_DOCUMENTS or media.endswith(("+xml", "+json")):
        return MediaKind.DOCUMENT
    if media.startswith(("application/vnd.openxmlformats-officedocument", "application/vnd.oasis.opendocument.")):
        return MediaKind.DOCUMENT
    if family in {"image", "video", "font"} or media in _MEDIA_ARCHIVES:
        return MediaKind.REFUSED
    return MediaKind.UNKNOWN


def _by_name(filename: str | None) -> MediaKind:
    if not filename:
        return MediaKind.UNKNOWN
    base = filename.replace("\\", "/").rpartition("/")[2].lower()
    extension = base.rpartition(".")[2]
    for kind, extensions in _BY_EXTENSION:
        if extension in extensions:
            return kind
    return MediaKind.UNKNOWN


_BY_EXTENSION = (
    (MediaKind.IMAGE, _IMAGES),
    (MediaKind.AUDIO, _AUDIO),
    (MediaKind.REFUSED, _REFUSED),
    (MediaKind.DOCUMENT, _DOCUMENTS),
)
