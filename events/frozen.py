"""The base of every model that stands in the log."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value object: immutable, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
