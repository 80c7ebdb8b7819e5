"""Result sounds: mp3 and wav files of the ordered length, made by ffmpeg as a child, and videos with a sound mixed in.

Speech is a pattern of short tones, one per syllable or so: it can be heard, measured and cut, and nobody takes it for a
voice. Only numbers and file names of our own reach the command line.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Final

from kling_sandbox.encoder import encode

RATE: Final = 24_000
FPS: Final = 24
CHARACTERS_PER_SECOND: Final = 15
LEAST_SPEECH_SECONDS: Final = 1.0


def speech_seconds(text: str, speed: float) -> float:
    """Return how long a text is spoken, in seconds with one decimal: about 15 characters a second."""
    return max(LEAST_SPEECH_SECONDS, math.ceil(len(text.strip()) / CHARACTERS_PER_SECOND / speed * 10) / 10)


def sound(ffmpeg: str, target: Path, words: str, seconds: float, *, speech: bool) -> Path:
    """Write a sound file and return it; its suffix (.mp3 or .wav) chooses the format."""
    pattern = _syllables(words) if speech else _swell(words)
    return encode(ffmpeg, ["-f", "lavfi", "-i", f"aevalsrc={pattern}:s={RATE}:d={seconds}", *_codec(target)], target)


def mix(ffmpeg: str, target: Path, video: Path, sound_file: Path, seconds: float) -> Path:
    """Write the video again with this sound in place of its own, and return it; the picture is copied as it is."""
    command = ["-i", str(video), "-i", str(sound_file), "-map", "0:v:0", "-map", "1:a:0"]
    command += ["-c:v", "copy", "-c:a", "aac", "-b:a", "96k", "-ac", "2", "-t", str(seconds)]
    return encode(ffmpeg, [*command, "-movflags", "+faststart", "-map_metadata", "-1"], target)


def still(ffmpeg: str, target: Path, picture: Path, seconds: float) -> Path:
    """Write a silent video that shows one picture: the stand-in for a video on another host."""
    # The picture is converted once and repeated after that, which is what makes this quick.
    repeated = f"format=yuv420p,loop=loop=-1:size=1:start=0,setpts=N/{FPS}/TB"
    command = ["-i", str(picture), "-vf", repeated, "-r", str(FPS), "-t", str(seconds), "-c:v", "libx264"]
    command += ["-preset", "ultrafast", "-crf", "30", "-threads", "2"]
    return encode(ffmpeg, [*command, "-movflags", "+faststart", "-map_metadata", "-1"], target)


def _codec(target: Path) -> list[str]:
    kind = ["-c:a", "libmp3lame", "-b:a", "48k"] if target.suffix == ".mp3" else ["-c:a", "pcm_s16le"]
    return [*kind, "-ac", "1", "-map_metadata", "-1"]


def _syllables(words: str) -> str:
    """Describe short tones on a few steps of a scale; pitch and order belong to the words."""
    root, step = 160 + _chance(words, 0) % 120, 2 + _chance(words, 1) % 5
    pitch = f"{root}*(1+0.12*mod(floor(t*5)*{step}\\,7))"
    # Six of seven places sound and one is a pause, as between words.
    spoken = f"lt(mod(t\\,0.2)\\,0.15)*gt(mod(floor(t*5)+{_chance(words, 2) % 7}\\,7)\\,0)"
    return f"0.25*sin(2*PI*{pitch}*t)*{spoken}"


def _swell(words: str) -> str:
    """Describe a quiet chord that swells slowly; its pitch belongs to the words."""
    root = 110 * 2 ** (_chance(words, 0) % 12 / 12)
    return "+".join(
        f"{loud}*sin(2*PI*{root * step:.2f}*t)*(0.6+0.4*sin(2*PI*{slow}*t))"
        for step, loud, slow in ((1, 0.1, 0.31), (1.5, 0.07, 0.47), (2, 0.05, 0.73))
    )


def _chance(words: str, place: int) -> int:
    return hashlib.sha256(words.encode("utf-8", "replace")).digest()[place]
