from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_runner import PATIENCE, FakeRunner


@pytest.fixture
def runner():
    runner = FakeRunner()
    yield runner
    runner.close()


class Running:
    def __init__(self, future):
        self._future = future

    def result(self):
        return self._future.result(PATIENCE)


@pytest.fixture
def background():
    """background(function, …) runs it in a thread; `.result()` waits for it. The test itself plays the runner."""
    pool = ThreadPoolExecutor(32)
    yield lambda function, *arguments: Running(pool.submit(function, *arguments))
    pool.shutdown(wait=False)
