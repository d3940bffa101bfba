"""Watches a modem from outside: is notified of its actions on networks and of its power."""

from __future__ import annotations

from tools.modem.network.air import Cell


class Observer:
    """Override what you want to hear of. Everything is reported at the moment at which it happens."""

    def searches(self, lost: bool) -> None:
        """A search for service begins; `lost`: the network was lost; else the host wants it."""

    def asks(self, cell: Cell, attach: bool) -> None:
        """A network is asked for an attach, or else for a new tracking area. It may never answer."""

    def refused(self, cell: Cell, cause: int) -> None:
        """It has answered no, with this EMM cause."""

    def accepted(self, cell: Cell) -> None:
        """It has answered yes."""

    def requests(self) -> None:
        """The network is asked for a PDP context."""

    def refuses(self, apn: str, cause: int) -> None:
        """It has refused one, with this ESM cause."""

    def reaches(self, apn: str, host: str, port: int) -> None:
        """A name is asked for, or a connection begun, over the context of this access point."""

    def carries(self, apn: str, size: int) -> None:
        """So many of the bytes that begin to go over the radio belong to a connection over this one."""

    def passed(self, size: int) -> None:
        """So many bytes begin to go over the radio, both ways, headers and handshakes included."""

    def sends(self, data: bytes, first: bool) -> None:
        """Bytes begin to go through a socket, in the clear even where TLS carries them; `first`: of it."""

    def cut(self) -> None:
        """The supply was on and is cut."""

    def restarted(self) -> None:
        """Reset by a command or by itself."""

    def turned_on(self) -> None:
        """By the key, or in PSM by T3412."""
