# METADATA
# title: Layers within the budget
# description: The image has at least one layer and no more than its manifest allows.
# custom:
#   id: LF013-layers
#   needs: lock
#   severity: medium
#   fix: raise layers.budget in the manifest, or let lockforge lay out the layers again
package lockforge.layers.layers

import data.lockforge.lib

ready if {
	lib.list(input.layers)
	input.expect.layers > 0
}

deny contains finding if {
	count(input.layers) > input.expect.layers
	finding := {
		"msg": "more layers than the manifest allows",
		"path": "",
		"evidence": sprintf("%d layers, budget %d", [count(input.layers), input.expect.layers]),
	}
}
