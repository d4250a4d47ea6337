"""What the Python of a GX lacks.

OpenEmbedded packs the standard library in parts, and an image has those that its programs need. Computed from
meta/recipes-devtools/python/python3/python3-manifest.json of victronenergy/openembedded-core, branch b3.60, with the
closure of: asyncio codecs compression core crypt ctypes datetime email fcntl html io json logging math mime mmap
multiprocessing netclient netserver numbers pickle pkgutil pprint profile shell stringold threading unixadmin xml.
"""

from __future__ import annotations

# Packages that came with v3.70: image, misc, resource, zoneinfo.
_UNTIL_3_70 = """
    _aix_support _osx_support _py_abc _pydatetime _pylong _zoneinfo aifc antigravity colorsys fileinput graphlib imghdr
    mailcap modulefinder netrc nturl2path pyclbr resource sched symtable tabnanny this timeit trace tracemalloc
    turtledemo webbrowser wsgiref zoneinfo
"""
# These on no image up to v3.80.
_NEVER = """
    _curses _curses_panel _dbm _gdbm _sqlite3 _statistics _tkinter audioop bdb cgitb chunk compileall curses dbm difflib
    distutils doctest ensurepip filecmp idlelib lib2to3 mailbox ossaudiodev pdb plistlib pty py_compile pydoc
    pydoc_data sndhdr sqlite3 statistics sunau syslog test tkinter tomllib tty turtle unittest venv wave xmlrpc zipapp
"""
ABSENT = frozenset(_NEVER.split())
ABSENT_3_60 = ABSENT | frozenset(_UNTIL_3_70.split())
