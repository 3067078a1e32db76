#!/usr/bin/env python3
"""Reads files as slang does, with its analysis of drivers, and fails on any warning.

    lint.py [OPTION OF SLANG | FILE]...
"""

import sys

from pyslang import driver

slang = driver.Driver()
slang.addStandardArgs()
# A cast to a width that is a parameter is useless for one of its values.
arguments = ["slang", "-Wextra", "-Wno-useless-cast", "-Werror", *sys.argv[1:]]
if not slang.parseCommandLine(" ".join(arguments), driver.CommandLineOptions()):
    sys.exit(2)
if not slang.processOptions() or not slang.parseAllSources():
    sys.exit(1)
compilation = slang.createCompilation()
slang.reportCompilation(compilation, True)
slang.runAnalysis(compilation)
sys.exit(0 if slang.reportDiagnostics(True) else 1)
