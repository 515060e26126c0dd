package main

// introduction is the page's text. What is said about the peers is what
// scripts/peers.sh builds.
const introduction = `# Ours beside what is in use today

Made by ` + "`make compare`" + `: three images with the connectors of
[manifests/compare.yaml](../manifests/compare.yaml), the same DataHub CLI and the same Debian release, put to the same
escape suite by ` + "`lockforge check`" + `.

- **ours** is what lockforge builds of the manifest.
- **upstream's shape** is built like DataHub's own locked image: a full base with shell, curl and git; the venvs by uv in
  one layer, pip and uv removed by a later one; everything belongs to the user that runs it; two index variables.
- **vendor's shape** is built like a vendor's hardened locked image: few OS packages, one Python tree that root owns;
  pip stays; the same two variables.

[scripts/peers.sh](../scripts/peers.sh) builds the latter two from the archives and the index that a machine has. They
have the shape of the published images, and are not these images: put one of those to the suite with
` + "`lockforge check REF`" + `. The suite is ours, and so is the choice of what it asks; each probe's page says how it is
checked and why. What was not run counts as not held: the probes of tier X ask the executor, which the peers have none of
that the suite could ask. Those of tier R are run with what a runtime can add, and so any image can pass them.
`
