"""What makes the library a course: exercises, laboratories, pictures, the doctor, the way in."""
