"""Scenes: procedural images with exact masks, the course's own dataset."""

from lessons_lib.data.scenes.config import CLASSES, PRESETS, SceneConfig
from lessons_lib.data.scenes.scenes import Scenes, draw_scenes

__all__ = ["CLASSES", "PRESETS", "SceneConfig", "Scenes", "draw_scenes"]
