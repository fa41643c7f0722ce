"""Taking in: uploads, and the job that makes items of files.

The gateway's part keeps bytes and puts items; whatever opens a file runs in a child (`child`).
"""
