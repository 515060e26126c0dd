"""The least installer: fetches a wheel from an index and unpacks it."""
import io
import re
import urllib.parse
import urllib.request
import zipfile

PROJECT = "lockforge-escape"
MODULE = "lockforge_escape"

# No proxy of the environment is asked.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(index):
    """Returns the bytes of the wheel that an index has for PROJECT."""
    page = index.rstrip("/") + "/" + PROJECT + "/"
    with opener.open(page, timeout=10) as r:
        links = re.findall(r'href="([^"#]+)', r.read().decode())
    with opener.open(urllib.parse.urljoin(page, links[0]), timeout=10) as r:
        return r.read()


def install(wheel, directory):
    """Unpacks a wheel; an OSError is the directory's refusal."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as z:
        z.extractall(directory)
