"""Touches so many pages of each owner, once each, and says nothing."""

import mmap
import sys

PAGE = 4096
count = int(sys.argv[1])


def touch_pages(memory):
    for offset in range(0, count * PAGE, PAGE):
        memory[offset] = 1


# A bytes object is 33 bytes longer than what it holds: these take half a page each.
small = [bytes(2048 - 33) for _ in range(2 * count)]
# A bytearray's memory is a byte longer, and cleared.
medium = [bytearray(100 * PAGE - 1) for _ in range(count // 100)]
large = bytearray(count * PAGE - 1)
if count > 0:
    touch_pages(mmap.mmap(-1, count * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    with open(sys.argv[2], "wb+") as file:
        file.truncate(count * PAGE)
        touch_pages(mmap.mmap(file.fileno(), count * PAGE, flags=mmap.MAP_PRIVATE))
