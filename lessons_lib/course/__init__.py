"""What makes the library a course: exercises, laboratories, figures, the doctor, the way in."""
