"""What becomes of views of a mapping that outlive the time for which it was lent: they keep a copy."""

import ctypes
import mmap

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = _libc.mremap.restype = ctypes.c_void_p
_libc.mmap.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long
_libc.mremap.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p
_libc.munmap.argtypes = ctypes.c_void_p, ctypes.c_size_t
_FAILED = ctypes.c_void_p(-1).value
_MAY_MOVE_TO_FIXED = 1 | 2  # MREMAP_MAYMOVE, MREMAP_FIXED


def detach(mapping: mmap.mmap, size: int) -> None:
    """Put a private copy of its first `size` bytes in its place: views of it show that from here on, for good.

    At no moment is nothing there. Raises MemoryError; then nothing has changed.
    """
    length = -(-len(mapping) // mmap.PAGESIZE) * mmap.PAGESIZE
    start = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
    protection, flags = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    copy = _libc.mmap(None, length, protection, flags, -1, 0)
    if copy == _FAILED:
        raise MemoryError(f"no {length:,} bytes for what views of a message show that outlive it")
    ctypes.memmove(copy, start, size)
    if _libc.mremap(copy, length, length, _MAY_MOVE_TO_FIXED, start) == _FAILED:
        _libc.munmap(copy, length)
        raise MemoryError(f"no {length:,} bytes in place of what views of a message show that outlive it")
