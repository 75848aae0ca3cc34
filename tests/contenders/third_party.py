from __future__ import annotations

from contenders.direct import Direct


class ThirdParty(Direct):
    """A contender as another package would bring it."""

    name = "third-party"
