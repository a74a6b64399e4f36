"""The peer of `scripts/bench` on Python's `websockets`, at /echo, /watch and, as a WebSocket, /publish.

    python3 python-websockets.py PORT [--deflate]

Its server speaks HTTP only as far as the handshake, so messages are published over a WebSocket too.
"""

import asyncio
import logging
import sys

from websockets.asyncio.server import broadcast, serve

watchers = set()


async def serve_one(connection):
    path = connection.request.path
    if path == "/echo":
        async for message in connection:
            await connection.send(message)
    elif path == "/publish":
        async for message in connection:
            broadcast(watchers, message)
    else:
        watchers.add(connection)
        try:
            await connection.wait_closed()
        finally:
            watchers.discard(connection)


async def main():
    # A client that resets its connection is how every run ends, and nothing to tell.
    for name in ("websockets", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    compression = "deflate" if "--deflate" in sys.argv else None
    async with serve(serve_one, "127.0.0.1", int(sys.argv[1]), compression=compression, ping_interval=None,
                     backlog=4096, max_size=64 * 1024 * 1024) as server:
        await server.serve_forever()


asyncio.run(main())
