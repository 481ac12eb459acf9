"""Rows onto the disk and the screen: tables as CSV, JSON lines and Parquet, and the files of an unfinished one."""
