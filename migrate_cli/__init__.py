"""migrate-cli moves OpenAI Assistants threads into Conversations for the Responses API, and proves it.

Data flows one way through the folders: sources → convert → load → verify → replay → report.
This module must stay free of imports that cost time: `--version` is answered from it.
"""

__version__ = "0.1.0"
