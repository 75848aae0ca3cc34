"""Where every byte in shared memory is. Pure: no operating system, no clock; only offsets and struct formats.

A *region* is the shared memory of one buffer (one direction of one channel)::

      0        4      6      8              16       24      28      32                64
      +--------+------+------+--------------+--------+-------+-------+-----------------+----------
      | size   | kind | flags| sequence     | magic  |version| pid   | max_message_size| message
      | u32    | u16  | u16  | u64          | 8 bytes| u32   | u32   | u64, rest zero  | size bytes
      +--------+------+------+--------------+--------+-------+-------+-----------------+----------
      `------ written with each message ----' `------- written once, by the creator ---'

``kind`` and ``flags`` are 0 in this version: room for frames beside JSON, streams and errors of the transport.

The *control segment* is one per server: who it is and which slots (= channels) are taken::

      0        8       12             16     20      24          32                 40            64
      +--------+-------+--------------+------+-------+-----------+------------------+-------------+
      | magic  |version| max_channels | pid  | state | generation| max_message_size | buffer_size |
      | 8 bytes| u32   | u32          | u32  | u8    | u64       | u64              | u64         |
      +--------+-------+--------------+------+-------+-----------+------------------+-------------+
      64
      | slot states, one byte each ...

All integers are little-endian and every field is naturally aligned. Ordering is never taken from these bytes:
what is written before a semaphore's ``release()`` is read after an ``acquire()`` of the same semaphore.
"""

import struct

VERSION = 1
REGION_MAGIC = b"SRBregn\0"
CONTROL_MAGIC = b"SRBctrl\0"

MESSAGE = struct.Struct("<IHHQ")
"""size in bytes, kind, flags, sequence: at offset 0 of a region, rewritten with each message."""
REGION_IDENTITY = struct.Struct("<8sIIQ")
"""magic, version, creator's pid, max_message_size in bytes."""
REGION_IDENTITY_OFFSET = 16
REGION_HEADER_SIZE = 64
"""Bytes before the message: one cache line, so the payload starts on the next."""
LARGEST_MESSAGE = 2**32 - 1
"""What the 4-byte size can say."""

CONTROL = struct.Struct("<8sIIIB3xQQQ")
"""magic, version, max_channels, pid, state, generation, max_message_size, buffer_size."""
CONTROL_STATE_OFFSET = 20
CONTROL_HEADER_SIZE = 64
"""Bytes before the slot states."""

# States of a control segment. READY is written last, so an opener never sees half a header.
CREATING, READY, CLOSED = 0, 1, 2

# States of a slot. A client moves FREE -> CLAIMED -> READY while it holds the slot's lock, and says LEFT when it
# closes; the server answers READY with SERVED, and REFUSED once it has given the channel up. Only the server moves a
# slot back to FREE, and only while it holds that lock itself: so nobody ever reuses a slot under a live owner. LEFT is
# a courtesy: the lock is what counts.
SLOT_FREE, SLOT_CLAIMED, SLOT_READY, SLOT_SERVED, SLOT_LEFT, SLOT_REFUSED = 0, 1, 2, 3, 4, 5

# Bytes that are locked, not read: their file locks are held for life and tell who is alive.
SERVER_LOCK = 0
CREATOR_LOCK, OPENER_LOCK = 0, 1


def slot_lock(slot: int) -> int:
    """The byte of the control segment that the client which owns `slot` keeps locked."""
    return 1 + slot


def control_size(max_channels: int) -> int:
    """Bytes of a control segment with that many slots."""
    return CONTROL_HEADER_SIZE + max_channels


def region_size(capacity: int) -> int:
    """Bytes of a region that holds messages of up to `capacity` bytes."""
    return REGION_HEADER_SIZE + capacity
