"""Settings of the tests that train: one thread, because two on a shared machine wait for each other."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """PyTorch's threads in a file of these tests, and no other's: the last digits of a result depend on them."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
