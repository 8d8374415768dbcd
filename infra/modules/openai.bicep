@description('Name of the account and of its subdomain, without which Entra tokens are not taken.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('The function app\'s identity.')
param principalId string

@description('Thousands of tokens per minute.')
param capacity int

@description('Log Analytics workspace of the audit logs.')
param workspaceId string

var openAiUser = '5e0bd9bd-7b93-4f28-af87-19fc36ad61bd' // Cognitive Services OpenAI User

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'OpenAI'
  sku: { name: 'S0' }
  properties: {
    customSubDomainName: name
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
  }
}

resource model 'Microsoft.CognitiveServices/accounts/deployments@2025-06-01' = {
  parent: account
  name: 'text-embedding-3-small'
  sku: { name: 'GlobalStandard', capacity: capacity }
  properties: {
    model: { format: 'OpenAI', name: 'text-embedding-3-small', version: '1' }
    // Vectors of two versions must never stand in one column.
    versionUpgradeOption: 'NoAutoUpgrade'
  }
}

resource userRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, openAiUser)
  scope: account
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', openAiUser)
  }
}

// Who came in, and who was refused.
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: account
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
  }
}

output endpoint string = account.properties.endpoint
output deployment string = model.name
// Azure allows six requests a minute for each thousand tokens a minute.
output requestsPerMinute int = capacity * 6
output tokensPerMinute int = capacity * 1000
