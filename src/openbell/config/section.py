"""What every section of the settings is."""

from pydantic import BaseModel, ConfigDict

# The validators are built when they are first used: 40 ms of import for whoever needs names only.
RULES = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Section(BaseModel):
    """A mapping of known keys: it cannot be changed, and an unknown key is an error."""

    model_config = RULES
