"""Tasks, timers, a thread pool and a child under one event loop."""
import asyncio


async def main():
    loop, queue, n = asyncio.get_running_loop(), asyncio.Queue(maxsize=3), 0

    async def feed():
        number = 0
        while True:
            number += 1
            await queue.put(number)
            await asyncio.sleep(.001)

    feeding = asyncio.create_task(feed())
    child = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    while not feeding.done():
        n += 1
        assert await queue.get() == n
        child.stdin.write(b"%d\n" % n)
        assert int(await child.stdout.readline()) == n
        assert await loop.run_in_executor(None, lambda: n + 1) == n + 1
        print(n, flush=True)
        await asyncio.sleep(.005)


asyncio.run(main())
