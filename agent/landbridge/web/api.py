"""Parts that the features' routes share: the caller, and parameters of paths and bodies."""

from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from landbridge.web.auth import User, acting_user, current_user
from landbridge.web.batch import Chosen

LARGEST = 2**31 - 1
ONE_LINE = r"^[^\x00-\x20\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\x9f])?$"
"""Pattern of a name: no control characters, no space at its ends."""
MOST = 1_000
"""Entries of a long list."""
CurrentUser = Annotated[User, Depends(current_user)]
ActingUser = Annotated[User, Depends(acting_user)]
Device = Annotated[str, Path(max_length=32, description="Device id.")]
Number = Annotated[int, Path(ge=1, le=LARGEST)]
Owner = Annotated[
    str | None,
    Query(max_length=32, description="Its tenant, or operator; required if the name exists more than once."),
]


class Devices(BaseModel):
    """Devices to act on."""

    model_config = ConfigDict(extra="forbid")
    devices: list[Annotated[str, Field(max_length=32)]] = Field(
        default=[], max_length=1_000, description="Device ids.", examples=[["lb-0001"]]
    )
    tag: str | None = Field(
        None, min_length=1, max_length=64, description="Also devices with this tag, or on a trip with it."
    )

    def chosen(self) -> Chosen:
        """Return which they are."""
        return Chosen(self.devices, self.tag)


class NewCommand(BaseModel):
    """A command."""

    model_config = ConfigDict(extra="forbid")
    verb: str = Field(max_length=32)
    argument: int | None = Field(None, ge=0, le=LARGEST)
    expires: str = Field(
        "24h", max_length=8, description="Time after which an undelivered command expires: 30m, 24h, 7d."
    )


class ShareLinkOptions(BaseModel):
    """Validity of a share link."""

    model_config = ConfigDict(extra="forbid")
    length: str = Field("", max_length=8, description="12h, 30d; empty: until the trip ends, at most a year.")
    embedded: bool = Field(False, description="Whether other websites may embed the shared page.")


class NewDownload(BaseModel):
    """A profile to download."""

    model_config = ConfigDict(extra="forbid")
    code: str = Field(max_length=600, description="Activation code: LPA:1$server$matching-id.")
    confirmation: str = Field("", max_length=64, description="Confirmation code, if there is one.")
    enable: bool = Field(False, description="Switch to the profile once it is installed.")
