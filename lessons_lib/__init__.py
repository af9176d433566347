"""From Strides to Masks: the verified reference code behind the lessons.

Importing the package loads none of its modules; a lesson imports what it teaches.
"""
