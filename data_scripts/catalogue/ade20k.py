"""Where ADE20K, SceneParse150 comes from."""

from data_scripts.fetch.remote import Download, RemoteFile

DOWNLOAD = Download(
    name="ade20k",
    title="ADE20K, SceneParse150",
    classes="150",
    splits={"train": 20_210, "val": 2000},
    licence="BSD 3-Clause",
    page="http://sceneparsing.csail.mit.edu/",
    citation="Zhou, Zhao, Puig, Fidler, Barriuso, Torralba: Scene Parsing through ADE20K Dataset. CVPR 2017",
    notes=(
        "the full ADE20K, with 3,688 categories and parts, is given on request: groups.csail.mit.edu/vision/datasets",
    ),
    files=(
        RemoteFile(
            name="ADEChallengeData2016.zip",
            urls=("http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip",),
            size=967_382_037,
            checksum="sha1:219e1696abb36c8ba3a3afe7fb2f4b4606a897c7",
            gives=(
                ("ADEChallengeData2016/images/training/*.jpg", 20_210),
                ("ADEChallengeData2016/images/validation/*.jpg", 2000),
                ("ADEChallengeData2016/annotations/training/*.png", 20_210),
                ("ADEChallengeData2016/annotations/validation/*.png", 2000),
            ),
        ),
        RemoteFile(
            name="release_test.zip",
            urls=("http://data.csail.mit.edu/places/ADEchallenge/release_test.zip",),
            checksum="sha1:e05747892219d10e9243933371a497e905a4860c",
            gives=(("release_test/testing/*.jpg", None),),
            optional=True,
        ),
    ),
)
