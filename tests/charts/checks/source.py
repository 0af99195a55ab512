"""What the chart's own files must not contain."""

import re
from pathlib import Path

# lookup answers differently in a dry run; tpl runs values as templates; the rest makes secrets that
# would change with every upgrade.
FORBIDDEN = r"\b(lookup|tpl|rand\w+|gen(CA|PrivateKey|SignedCert\w*|SelfSignedCert\w*)|derivePassword|htpasswd|bcrypt|uuidv4|now|getHostByName|env|expandenv)\b"


def templates_use_no_forbidden_function(chart: Path) -> list[str]:
    found = []
    for file in sorted((chart / "templates").rglob("*")):
        if not file.is_file():
            continue
        for action in re.findall(r"{{-?(?!\s*/\*)(.*?)-?}}", file.read_text(), re.DOTALL):
            code = re.sub(r'"(\\.|[^"\\])*"', '""', action)
            found += [f"{file.relative_to(chart)}: {match.group(0)}" for match in re.finditer(FORBIDDEN, code)]
    return found


def files_are_short(chart: Path) -> list[str]:
    return [f"{file.relative_to(chart)}: {lines} lines" for file in sorted(chart.rglob("*"))
            if file.is_file() and (lines := len(file.read_text().splitlines())) > 500]


RULES = [templates_use_no_forbidden_function, files_are_short]
