"""Where presets come from: one folder per kind of handle.

```
kaggle://    kaggle/
hf://        hugging_face/
https://     web/
```

`register_source` adds another kind.
"""

from domain_core.presets.sources.schemes import register_source as register_source
from domain_core.presets.sources.schemes import scheme_of as scheme_of
from domain_core.presets.sources.schemes import source_of as source_of
from domain_core.presets.sources.source import Source as Source
