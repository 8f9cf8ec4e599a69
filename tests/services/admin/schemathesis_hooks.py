"""What schemathesis is told before each call, in its own process."""

import uuid
from typing import Any

import schemathesis

from services.admin.preconditions import IDEMPOTENCY_KEY


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Give each well-formed request a key of its own: OpenAPI cannot say that it must have one."""
    headers = case.headers or {}
    sent = headers.get(IDEMPOTENCY_KEY.name)
    try:
        IDEMPOTENCY_KEY.parse(str(sent))
    except ValueError:
        return  # a malformed one is to be refused as it is
    if sent is not None:
        headers[IDEMPOTENCY_KEY.name] = str(uuid.uuid4())
