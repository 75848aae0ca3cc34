"""Where every byte in shared memory is. Pure: no operating system, no clock; only offsets and struct formats.

A *region* is the shared memory of one buffer (one direction of one channel)::

      0        4      6      8          16         24
      +--------+------+------+----------+----------+
      | size   | kind | flags| sequence | deadline |          written with each message
      | u32    | u16  | u16  | u64      | f64      |
      +--------+------+------+----------+----------+
      24        32      36    40               48     56     57    58      60     64
      +---------+-------+-----+----------------+------+------+-----+-------+------+---
      | magic   |version| pid |max_message_size| token| libc |found|waiting|caller|
      | 8 bytes | u32   | u32 | u64            | u64  | u8   | u8  |u8, u8 | u32  |
      +---------+-------+-----+----------------+------+------+-----+-------+------+---
      `----- written once, by the creator -------------------' `- by the opener

From 64 on comes the message, of `size` bytes. ``kind`` says whether it is one or holds several, see :mod:`.messages`;
``flags`` are 1 where it has :mod:`.frames`, else 0. ``deadline``, of a request, is when its client stops to wait for
the response, in seconds of CLOCK_MONOTONIC; -inf once it does not want it any more. ``caller`` is the process for which
one asks that forwards what others have asked, 0: itself; of a transport it is the inode of its creator's PID namespace,
0: unknown. ``waiting`` is for multiplexed channels, see :mod:`.lane`: 1
while the reader sleeps until there is a message, and 1 while the writer has more and waits for room. In those, messages
have deadlines of their own, and begin behind the numbers of those that the writer does not want answered any more, the
last 64::

      64       68       72                  328        384
      +--------+--------+-------------------+----------+---------
      | said   | heard  | numbers           |          | message
      | u32    | u32    | u32 each          | zero     |
      +--------+--------+-------------------+----------+---------

``said`` counts those that were written there, ``heard`` those that the reader has read.

The *control segment* is one per server: who it is and which slots (= channels) are taken::

      0        8       12             16    20      21    22        24          32                 40            48
      +--------+-------+--------------+-----+-------+-----+---------+-----------+------------------+-------------+
      | magic  |version| max_channels | pid | state | libc| methods | generation| max_message_size | buffer_size |
      | 8 bytes| u32   | u32          | u32 | u8    | u8  | u16     | u64       | u64              | u64         |
      +--------+-------+--------------+-----+-------+-----+---------+-----------+------------------+-------------+
      48                       56                64           96           104
      +------------------------+-----------------+------------+------------+-------------------+-----------------+
      | start time of that pid | its namespace   | codec      | max_memory | states of slots   | tokens of       |
      | u64, clock ticks       | u64, inode      | UTF-8, 32  | u64        | u8 each, n padded | channels, u64   |
      +------------------------+-----------------+------------+------------+-------------------+-----------------+
      | tokens refused | memory of each slot | what the client of each waits for | what was counted, also by method |
      | u64            | u64, u64            | 64 bytes                          |                                  |
      +----------------+---------------------+-----------------------------------+----------------------------------+

``methods`` is how many of these last records there are. See :mod:`.statistics` for what the end of the last row says.
``max_memory`` is what the regions of all channels may have together, in bytes, 0: no bound; ``memory`` is what the two
of a slot's channel have: that of the requests is written by the client, that of the responses by the server.
A *token* is a random number in the names of a channel's objects, which nobody else can guess before they are there.
That of a multiplexed channel is odd, that of one for one call at a time even.
``libc`` tells glibc from musl, whose semaphores are laid out differently.
All integers are little-endian and every field is naturally aligned. Ordering is never taken from these bytes:
what is written before a semaphore is posted is read after it was waited for.
"""

import struct

VERSION = 9
FRAMED = 1
"""Of a message's flags."""
REGION_MAGIC = b"SRBregn\0"
CONTROL_MAGIC = b"SRBctrl\0"

MESSAGE = struct.Struct("<IHHQ")
"""size in bytes, kind, flags, sequence: at offset 0 of a region, rewritten with each message."""
DATED_MESSAGE = struct.Struct("<IHHQd")
"""The same, and the deadline."""
DEADLINE = struct.Struct("<d")
DEADLINE_OFFSET = 16
REGION_IDENTITY = struct.Struct("<8sIIQQB")
"""magic, version, creator's pid, max_message_size in bytes, token, libc."""
REGION_IDENTITY_OFFSET = 24
REGION_FOUND_OFFSET = 57
"""1 once the opener of a transport has all of it: from then on a peer that is not there is dead, not awaited."""
READER_WAITING_OFFSET = 58
WRITER_WAITING_OFFSET = 59
CALLER = struct.Struct("<I")
CALLER_OFFSET = 60
NAMESPACE = CALLER
"""In its place, of a transport, where nobody asks for others."""
REGION_HEADER_SIZE = 64
"""Bytes before the message: one cache line, so the payload starts on the next."""
UNWANTED_OFFSET = 64
UNWANTED = struct.Struct("<II")
"""said, heard."""
UNWANTED_NUMBER = struct.Struct("<I")
UNWANTED_NUMBERS = 64
"""A power of two, so that counts go on where they start again at 0."""
LANE_HEADER_SIZE = 384
"""Bytes before the message of a multiplexed channel."""
LARGEST_MESSAGE = 2**32 - 1
"""What the 4-byte size can say."""

CONTROL = struct.Struct("<8sIIIBBHQQQQQ32sQ")
"""magic, version, max_channels, pid, state, libc, methods, generation, max_message_size, buffer_size, start time,
namespace, name of the codec padded with zeros, max_memory."""
CONTROL_STATE_OFFSET = 20
CONTROL_HEADER_SIZE = 104
"""Bytes before the slot states."""
TOKEN = struct.Struct("<Q")
MEMORY = struct.Struct("<Q")
WAIT_BEGINNING_SIZE = 46
WAIT = struct.Struct(f"<QIHHBB{WAIT_BEGINNING_SIZE}s")
"""since when, ns; the client's process; its calls that were given up, and of these those that were taken; state; size
of the beginning of its request, and that."""
TOTALS = struct.Struct("<QQQQQQQQQ")
METHOD_NAME_SIZE = 48
METHOD = struct.Struct(f"<{METHOD_NAME_SIZE}sQQQQQQ32I")
"""name, calls, failed, ns, longest ns, bytes received, bytes sent, calls by duration."""

# States of a control segment. It gets its public name when it is READY. When its name was removed and taken again it is
# LEAVING: whoever waits is still answered, the next call comes through the new one.
READY, CLOSED, LEAVING = 1, 2, 3

# States of a slot. A client moves FREE or LEFT -> CLAIMED -> READY while it holds the slot's lock, and says LEFT when
# it closes; the server answers READY with SERVED. Only the server moves a slot back to FREE, and only while it holds
# that lock itself: so nobody ever reuses a slot under a live owner. LEFT is a courtesy: the lock is what counts.
SLOT_FREE, SLOT_CLAIMED, SLOT_READY, SLOT_SERVED, SLOT_LEFT = 0, 1, 2, 3, 4

# Bytes that are locked, not read: their file locks are held for life and tell who is alive.
SERVER_LOCK = 0
CREATOR_LOCK, OPENER_LOCK = 0, 1
REMOVER_LOCK = 1 << 30
"""Of a control segment or a transport: held by who removes its name, for that time."""


def slot_lock(slot: int) -> int:
    """The byte of the control segment that the client which owns `slot` keeps locked."""
    return 1 + slot


def is_multiplexed(token: int) -> bool:
    """Whether many calls go through that channel at once."""
    return bool(token & 1)


def token_offset(max_channels: int, slot: int) -> int:
    """Where the token of a slot's channel is."""
    return CONTROL_HEADER_SIZE + -(-max_channels // 8) * 8 + TOKEN.size * slot


def refused_offset(max_channels: int, slot: int) -> int:
    """Where the token of the channel is that the server has refused in a slot."""
    return token_offset(max_channels, max_channels + slot)


def memory_offset(max_channels: int, slot: int, is_response: bool = False) -> int:
    """Where it stands how large a region of a slot's channel is."""
    return refused_offset(max_channels, max_channels) + MEMORY.size * (2 * slot + is_response)


def wait_offset(max_channels: int, slot: int) -> int:
    """Where the client of a slot notes what it waits for."""
    return memory_offset(max_channels, max_channels) + WAIT.size * slot


def totals_offset(max_channels: int) -> int:
    """Where the server writes what it has counted."""
    return wait_offset(max_channels, max_channels)


def method_offset(max_channels: int, number: int) -> int:
    """Where it writes what it has counted of one method."""
    return totals_offset(max_channels) + TOTALS.size + METHOD.size * number


def control_size(max_channels: int, methods: int = 0) -> int:
    """Bytes of a control segment with that many slots and records of methods."""
    return method_offset(max_channels, methods)


def unwanted_offset(count: int) -> int:
    """Where the number is that was written after `count` others."""
    return UNWANTED_OFFSET + UNWANTED.size + UNWANTED_NUMBER.size * (count % UNWANTED_NUMBERS)
