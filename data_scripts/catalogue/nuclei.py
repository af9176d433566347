"""Where Nuclei, Data Science Bowl 2018 comes from."""

from data_scripts.fetch.remote import Download, RemoteFile

DOWNLOAD = Download(
    name="nuclei",
    title="Nuclei, Data Science Bowl 2018",
    classes="1 + background",
    splits={"train": 670},
    licence="CC0",
    page="https://bbbc.broadinstitute.org/BBBC038",
    citation=(
        "Caicedo and others: Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl. Nature "
        "Methods 16, 2019; image set BBBC038v1, Broad Bioimage Benchmark Collection"
    ),
    files=(
        RemoteFile(
            name="stage1_train.zip",
            urls=("https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip",),
            into="stage1_train",
            keep="stage1_train",
            gives=(("stage1_train/*/images/*.png", 670), ("stage1_train/*/masks/*.png", None)),
        ),
    ),
)
