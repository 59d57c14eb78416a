import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def headless():
    with mpl.rc_context({"backend": "Agg"}):
        yield
        plt.close("all")
