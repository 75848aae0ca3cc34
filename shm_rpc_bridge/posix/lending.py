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
_PROTECTION = mmap.PROT_READ | mmap.PROT_WRITE


def mapped(fd: int, size: int) -> mmap.mmap:
    """As ``mmap.mmap(fd, size)``, which would have a descriptor of its own as long as there are views of it.

    Raises MemoryError.
    """
    try:
        mapping = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"no {size:,} bytes to map: {error}") from None
    _place(_new(_length(mapping), mmap.MAP_SHARED, fd), mapping)
    return mapping


class PrivateCopy:
    """Of a mapping's first `size` bytes, as they are now. Raises MemoryError. To be put in its place, or dropped."""

    def __init__(self, mapping: mmap.mmap, size: int) -> None:
        self._mapping = mapping
        self._length = _length(mapping)
        self._pages = _new(self._length, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1)
        ctypes.memmove(self._pages, _start(mapping), size)

    def put_in_place(self) -> None:
        """Views of the mapping, if there are any, show it from here on, for good. At no moment is nothing there.

        Raises MemoryError; then nothing has changed.
        """
        if self._mapping.closed:
            self.drop()
        else:
            _place(self._pages, self._mapping)

    def drop(self) -> None:
        _libc.munmap(self._pages, self._length)


def _new(length: int, flags: int, fd: int) -> int:
    found: int = _libc.mmap(None, length, _PROTECTION, flags, fd, 0)
    if found == _FAILED:
        raise MemoryError(f"no {length:,} bytes for what views of a message show that outlive it")
    return found


def _place(pages: int, mapping: mmap.mmap) -> None:
    """Pages as many as those of a mapping, instead of them."""
    length = _length(mapping)
    if _libc.mremap(pages, length, length, _MAY_MOVE_TO_FIXED, _start(mapping)) == _FAILED:
        _libc.munmap(pages, length)
        raise MemoryError(f"no {length:,} bytes in place of what views of a message show that outlive it")


def _start(mapping: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(mapping))


def _length(mapping: mmap.mmap) -> int:
    return -(-len(mapping) // mmap.PAGESIZE) * mmap.PAGESIZE
