"""Readers that cost little themselves: they take ranges over kept connections and let the kernel drop the bytes."""

import re
import socket
import threading

_BUFFER = 1 << 20
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def read_ranges(address: tuple[str, int], path: str, ranges: list[tuple[int, int]]) -> None:
    """Fetch *ranges* (end exclusive) of *path* one after the other."""
    buffer = bytearray(_BUFFER)
    with socket.create_connection(address) as connection:
        for start, end in ranges:
            request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nRange: bytes={start}-{end - 1}\r\n\r\n"
            connection.sendall(request.encode())
            left = end - start - _read_head(connection, buffer, end - start)
            while left:
                received = connection.recv_into(buffer, min(left, _BUFFER), socket.MSG_TRUNC)
                if not received:
                    raise RuntimeError(f"{path}: the connection ended {left} bytes early.")
                left -= received


def _read_head(connection: socket.socket, buffer: bytearray, expected: int) -> int:
    """Read the head of an answer; return how many bytes of the body came with it."""
    head = b""
    while b"\r\n\r\n" not in head:
        received = connection.recv_into(buffer, 4096)
        if not received:
            raise RuntimeError("The connection ended before the answer.")
        head += bytes(buffer[:received])
    head, _, body = head.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 206") or length is None or int(length[1]) != expected:
        raise RuntimeError(f"Not the range that was asked for: {head[:500]!r}")
    return len(body)


def read_file(address: tuple[str, int], path: str, *, size: int, length: int, readers: int) -> None:
    """Read *size* bytes of *path* by ranges of *length*, shared out over *readers* connections."""
    ranges = [(start, start + length) for start in range(0, size, length)]
    failures: list[BaseException] = []

    def read(share: list[tuple[int, int]]) -> None:
        try:
            read_ranges(address, path, share)
        except BaseException as error:  # noqa: BLE001 - told to the main thread
            failures.append(error)

    threads = [threading.Thread(target=read, args=(ranges[number::readers],)) for number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
