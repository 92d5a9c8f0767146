"""What schemathesis is told beside the document; it loads this by `SCHEMATHESIS_HOOKS`."""

from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, HookContext

from presence_server.core import text

IDS = st.sampled_from(["ann", "plan-7", "2"]) | st.text(max_size=40).filter(text.is_id)

schemathesis.openapi.format("id", IDS)


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _arguments: dict[str, Any]) -> None:
    """Leave out what the document can't say in its language: parameters that need one another."""
    query = case.query
    if not query or case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if ("type" in query) is not ("id" in query) and not case.path.endswith("/top"):
        for name in ("type", "id", "version"):
            query.pop(name, None)
    if "id" not in query:
        query.pop("version", None)
    query.pop("cursor", None)  # these can't be made up
    if query.get("by") == "trend":
        query.pop("days", None)
