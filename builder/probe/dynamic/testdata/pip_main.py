# As much of an installer as a probe asks of one.
import io
import os
import re
import sys
import urllib.parse
import urllib.request
import zipfile

if "--version" in sys.argv:
    print("pip 0 of a test")
elif "install" in sys.argv:
    page = sys.argv[sys.argv.index("-i") + 1] + sys.argv[-1] + "/"
    with urllib.request.urlopen(page) as r:
        link = re.findall(r'href="([^"#]+)', r.read().decode())[0]
    with urllib.request.urlopen(urllib.parse.urljoin(page, link)) as r:
        zipfile.ZipFile(io.BytesIO(r.read())).extractall(sys.argv[sys.argv.index("--target") + 1])
