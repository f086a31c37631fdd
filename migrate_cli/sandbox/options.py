"""How a sandbox behaves, as one frozen value. It must not serve, store or parse anything."""

from __future__ import annotations

from dataclasses import dataclass

from migrate_cli.sandbox.assistants_quirks import SourceQuirks
from migrate_cli.sandbox.choices import FileIdCheck, MetadataUpdate, TargetPreset
from migrate_cli.sandbox.fault_plan import NO_FAULTS, FaultPlan

__all__ = ["FileIdCheck", "MetadataUpdate", "SandboxOptions", "TargetPreset"]


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """Everything that can be chosen about a sandbox; the defaults suit a rehearsal."""

    known_files: FileIdCheck = FileIdCheck.ANY
    """`any`: every well-formed file id is taken, because in a rehearsal the real files are at the real service and
    only their ids are known. `strict`: an id must have been uploaded to this sandbox, as the real service wants it."""
    api_key: str | None = None
    """The only bearer key that is taken. None takes every key that is not empty, not `wrong` and not `sk-wrong…`."""
    strict_assistant: bool = False
    """Refuse assistant messages without `id`, `status` and `logprobs`, which the specification's letter asks for."""
    metadata_update: MetadataUpdate = MetadataUpdate.REPLACE
    latency_ms: float = 0.0
    """Time that every answer takes at least; the work is done at its end."""
    event_ms: float = 0.0
    """Time between two events of a stream, so that a person can watch it."""
    faults: FaultPlan = NO_FAULTS
    """What goes wrong on purpose; see `fault_spec.py` for how it is written."""
    max_body_bytes: int = 64 * 1024 * 1024
    """Larger JSON bodies are answered with 413."""
    max_file_bytes: int = 512 * 1024 * 1024
    """Larger uploads are answered with 413; 512 MB is what the real service takes."""
    source: SourceQuirks | None = None
    """If given, the sandbox answers as a source too: what was loaded into its data file, with these quirks."""
    preset: TargetPreset = TargetPreset.OPENAI
    """What the target side has beyond the API of OpenAI."""
