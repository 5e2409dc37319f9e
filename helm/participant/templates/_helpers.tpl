{{- define "sotto.name" -}}
{{- if contains "participant" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-participant" (.Release.Name | trunc 40 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "sotto.selector" -}}
app.kubernetes.io/name: participant
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sotto.labels" -}}
{{ include "sotto.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: sotto
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "sotto.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{ .Values.image.repository }}:{{ $tag }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "sotto.inviteSecret" -}}
{{- if .Values.invite.secretName }}{{ .Values.invite.secretName }}{{ else if .Values.invite.value }}{{ include "sotto.name" . }}-invite{{ end }}
{{- end }}

{{- /* Of the pods that the network policy is for. */}}
{{- define "sotto.network" -}}
sotto.dev/network: {{ include "sotto.name" . }}
{{- end }}

{{- define "sotto.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "sotto.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* By which the programs find the passphrase of the keys in the home, if there is one. */}}
{{- define "sotto.passphraseEnv" -}}
{{- if .Values.home.passphraseSecretName -}}
- name: SOTTO_PASSPHRASE_FILE
  value: /etc/sotto/passphrase
{{- end }}
{{- end }}

{{- define "sotto.passphraseMount" -}}
{{- if .Values.home.passphraseSecretName -}}
- name: passphrase
  mountPath: /etc/sotto
  readOnly: true
{{- end }}
{{- end }}
