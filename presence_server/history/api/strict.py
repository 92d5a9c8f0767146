"""Nothing is overlooked: what a question does not know of is an error, not a wish unheard."""

from collections.abc import Iterable

from fastapi import Request

from presence_server.history.api.errors import Refused


async def check_names(request: Request) -> None:
    """See that each parameter is one of the question's, and given once.

    Raises:
        Refused: 400 if not.

    """
    known = {field.alias for field in request.scope["route"].dependant.query_params}
    names = [name for name, _ in request.query_params.multi_items()]
    if len(set(names)) < len(names):
        raise Refused(400, "bad_query", "each parameter is given once")
    if not known.issuperset(names):
        raise Refused(400, "bad_query", f"this question has no parameters but {_list(known)}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
